"""the log-in brake"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '47d4a0284e34'
down_revision = 'bda719a2fb38'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'log_in_brake',
        sa.Column('key', sa.String(length=64), nullable=False),
        sa.Column('failures', sa.Integer(), nullable=False),
        sa.Column('failed_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('succeeded_at', sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint('key', name=op.f('pk_log_in_brake')),
    )
    with op.batch_alter_table('log_in_brake', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_log_in_brake_failed_at'), ['failed_at'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('log_in_brake', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_log_in_brake_failed_at'))
    op.drop_table('log_in_brake')
