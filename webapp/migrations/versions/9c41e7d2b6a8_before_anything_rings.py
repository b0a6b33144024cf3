"""before anything rings"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '9c41e7d2b6a8'
down_revision = '45fe0aa4d1cc'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('own_number', schema=None) as batch_op:
        batch_op.add_column(sa.Column('switch', sa.String(length=40), nullable=False, server_default=''))
        # customers have seen them before: an administrator may now choose which
        batch_op.add_column(sa.Column('shown', sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table('own_number', schema=None) as batch_op:
        batch_op.alter_column('switch', server_default=None)
        batch_op.alter_column('shown', server_default=None)
    op.create_table('calling_rule',
    sa.Column('queue', sa.String(length=80), nullable=False),
    sa.Column('hours', sa.JSON(), nullable=False),
    sa.Column('holidays', sa.String(length=12), nullable=False),
    sa.Column('shown_number', sa.String(length=40), nullable=True),
    sa.ForeignKeyConstraint(['shown_number'], ['own_number.value'], name=op.f('fk_calling_rule_shown_number_own_number'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('queue', name=op.f('pk_calling_rule'))
    )
    with op.batch_alter_table('call', schema=None) as batch_op:
        batch_op.add_column(sa.Column('shown_number', sa.String(length=40), nullable=True))
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.add_column(sa.Column('shown_number', sa.String(length=40), nullable=True))
    with op.batch_alter_table('party', schema=None) as batch_op:
        batch_op.add_column(sa.Column('do_not_call_at', sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table('contact_point', schema=None) as batch_op:
        batch_op.add_column(sa.Column('do_not_call_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('contact_point', schema=None) as batch_op:
        batch_op.drop_column('do_not_call_at')
    with op.batch_alter_table('party', schema=None) as batch_op:
        batch_op.drop_column('do_not_call_at')
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.drop_column('shown_number')
    with op.batch_alter_table('call', schema=None) as batch_op:
        batch_op.drop_column('shown_number')
    op.drop_table('calling_rule')
    with op.batch_alter_table('own_number', schema=None) as batch_op:
        batch_op.drop_column('shown')
        batch_op.drop_column('switch')
